"""Networks: trained, kept in the store, asked for predictions."""
