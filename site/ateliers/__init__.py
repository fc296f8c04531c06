"""Find a free digital workshop near you, and book a place: France's conseillers numériques on one map."""

__version__ = "0.1.0"
