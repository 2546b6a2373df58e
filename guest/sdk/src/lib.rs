//! Makes a plain function a validator.
