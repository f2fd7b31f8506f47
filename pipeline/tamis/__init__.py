"""Tamis: from CommonCrawl archives to a multilingual training mix."""
