//! What modes do with changes: archives, TRUNCATE as it is wanted, and tables without a primary key.
