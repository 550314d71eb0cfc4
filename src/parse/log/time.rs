//! Stamps as logs write them → [`crate::model::time::Stamp`].
