"""Our pages pasted into a real WordPress: `make test-wordpress`. Too heavy for every run: PHP, MariaDB, a minute."""
