"""FOCUS, the FinOps Open Cost and Usage Specification: a month's statement as a file of it, and a checker of such files."""
