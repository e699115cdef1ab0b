"""Views: model -> JSON, and error -> HTTP status: what the outside sees, in one place for every interface."""
