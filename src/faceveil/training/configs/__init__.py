"""One frozen dataclass for each kind of recipe, every value with its source."""
