//! A condition under which two sides may be compared.

/// A check for a cause that could distort a comparison.
#[derive(Clone, Debug, PartialEq)]
pub struct Guard {
    /// Name in every output.
    pub name: &'static str,
    /// Value; `None` where there is none, or it is not known.
    pub value: Option<f64>,
    /// Limit that the value must not exceed.
    pub limit: f64,
    /// True when the value exceeds the limit.
    pub tripped: bool,
    /// Consequence, for a person.
    pub text: String,
}
