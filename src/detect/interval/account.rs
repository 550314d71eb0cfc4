//! What one log tells.
