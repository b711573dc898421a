"""Lets several threads make Ibis expressions at once.

Ibis keeps, for all threads together, which objects it found equal, by their addresses, and takes an object out when it ends: without a
lock, an answer may outlive its object and be given for another that came to lie at its address.
"""

from __future__ import annotations

import threading

from ibis.common.bases import Comparable


def install() -> None:
    """Have Ibis compare its objects in turn, in this process."""
    # An object may end while others are compared, so the thread that has the lock may take it again; and after this module has, so
    # that nothing here is looked up in it.
    turn, compare, end = threading.RLock(), Comparable.__eq__, Comparable.__del__

    def equals(self: Comparable, other: object) -> bool:
        if self is other:
            return True
        if type(self) is not type(other):
            return False
        with turn:
            return bool(compare(self, other))

    def ended(self: Comparable) -> None:
        if id(self) in self.__cache__:  # only who holds an object can have it compared, and nobody does now
            with turn:
                end(self)

    Comparable.__eq__ = equals
    Comparable.__del__ = ended
