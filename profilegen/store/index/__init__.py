"""The Chroma collections that people search, built from the ledger and never the only copy of anything.

A build fills a directory of its own and then switches a pointer file to it, for two reasons. Chroma does not
survive a kill while it loads: what is half-built is never searched. And Chroma does not erase: after a
delete, even of a whole collection, vectors and ids are still in its files, so only a new directory, and the
removal of the old one, forgets a user.
"""

from profilegen.store.index.building import Standby, build_index, current_revision, probe, standing_by
from profilegen.store.index.exact import ExactSearch
from profilegen.store.index.reading import Index
from profilegen.store.index.rows import COLLECTIONS, CollectionName, UserFilter
from profilegen.store.pointer import POINTER_FILE

__all__ = [
    "COLLECTIONS",
    "POINTER_FILE",
    "CollectionName",
    "ExactSearch",
    "Index",
    "Standby",
    "UserFilter",
    "build_index",
    "current_revision",
    "probe",
    "standing_by",
]
