"""Restoration with a known blur."""
