"""`manage.py selftest`: does the platform do what it is for? The doctor asks whether everything is in place."""
