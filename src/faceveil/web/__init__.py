"""The local web page and its REST API: ``faceveil serve``. Needs the extra ``web``."""
