"""Networks are trained here, kept in the store, and used to predict."""
