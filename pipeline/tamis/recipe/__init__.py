"""stages.yaml: read, checked, and planned as steps."""
