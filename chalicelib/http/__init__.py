"""The HTTP edge: routes as values, errors as statuses, pages, who is asking. Knows nothing of Chalice."""
