//! Alphabets, user data headers and concatenation.
