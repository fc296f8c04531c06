"""Open data: the public sessions and the venues as files anybody may take, made afresh every day.

`sessions.toml` declares the columns once: schemas, header, Parquet types and page all come from it. Never a person: no
counsellor, no citizen, no private session (see `sessions`).
"""

from ateliers.opendata.columns import COLUMNS, DATASETS, FILES, Column, Dataset, File
from ateliers.opendata.editions import Edition, FileMade
from ateliers.opendata.keeping import Keeper, run
from ateliers.opendata.making import Stopped, make

__all__ = [
    "COLUMNS",
    "DATASETS",
    "FILES",
    "Column",
    "Dataset",
    "Edition",
    "File",
    "FileMade",
    "Keeper",
    "Stopped",
    "make",
    "run",
]
