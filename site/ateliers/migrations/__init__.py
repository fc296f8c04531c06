"""What `ateliers migrate` applies, in order. Never edit one that has been released."""
