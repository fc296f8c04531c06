"""The commands of `ateliers`, one module a subject."""
