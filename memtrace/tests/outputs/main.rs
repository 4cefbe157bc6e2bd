//! What the outputs look like (golden) and that the JSON is what its schema says.

mod fixture;
mod json;
mod lines;
