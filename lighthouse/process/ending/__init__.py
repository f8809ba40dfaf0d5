"""Whose end is whose: of parents, children, orphans and strangers."""
