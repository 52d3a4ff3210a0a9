"""The default: a small editor trained against classifiers that adapt."""
