"""Pure: check a mapping against a schema, render an action, suggest rules."""
