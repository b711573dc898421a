"""The environment of an Airflow worker that reaches the stand-ins of the warehouses."""

from __future__ import annotations

import base64
import json
import os
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.integrations.orchestrators.standin import Warehouses


def variables(programs: Path, home: Path, warehouses: Warehouses, dags: Path) -> dict[str, str]:
    """Return a worker's environment: connections, where the warehouses are, and nothing of ours."""
    key = rsa.generate_private_key(65537, 2048).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    place = {"warehouse": "LOAD_WH", "database": "SHOP", "role": "R"}
    driver = {**place, "account": "acme", "host": "localhost", "port": warehouses.tls_port, "insecure_mode": True}
    secret = base64.b64encode(key).decode()
    api = {**place, "account": "acme", "private_key_content": secret}
    account = {"type": "service_account", "client_email": "svc@shop-prod.iam.gserviceaccount.com"}
    account |= {"private_key": key.decode(), "token_uri": f"http://127.0.0.1:{warehouses.port}/token"}
    google = {"project": "shop-prod", "keyfile_dict": json.dumps(account | {"project_id": "shop-prod"})}
    trusted = str(home / "localhost.pem")
    return {
        **os.environ,
        "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(dags),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "false",
        "AIRFLOW__CORE__DAGBAG_IMPORT_TIMEOUT": "300",
        "AIRFLOW__LOGGING__LOGGING_LEVEL": "WARNING",
        "AIRFLOW_CONN_SNOWFLAKE": _connection("snowflake", driver, login="SVC", password="password"),
        "AIRFLOW_CONN_SNOWFLAKE_API": _connection("snowflake", api, login="SVC"),
        "AIRFLOW_CONN_BIGQUERY": _connection("google_cloud_platform", google),
        "BIGQUERY_EMULATOR_HOST": f"http://127.0.0.1:{warehouses.port}",
        "HTTPS_PROXY": f"http://127.0.0.1:{warehouses.port}",
        "NO_PROXY": "localhost,127.0.0.1",
        "REQUESTS_CA_BUNDLE": trusted,
        "SSL_CERT_FILE": trusted,
        "STANDIN_PORT": str(warehouses.port),
    }


def _connection(kind: str, extra: dict[str, object], **more: str) -> str:
    return json.dumps({"conn_type": kind, "schema": "PUBLIC", "extra": extra, **more})
