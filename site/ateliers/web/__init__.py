"""The pages: one module a journey, and what journeys share (forms, pages, middleware, errors)."""
