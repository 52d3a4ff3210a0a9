"""Recipes, losses and loops; needs the train extra."""
