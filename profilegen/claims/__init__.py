"""Documents to claims: what can be said of a user, and the words it rests on."""
