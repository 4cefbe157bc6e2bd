//! A condition under which two sides may be compared.

/// Something that could make a comparison one of something else.
#[derive(Clone, Debug, PartialEq)]
pub struct Guard {
    /// Its name in every output.
    pub name: &'static str,
    /// Its number; `None` where it has none or it is not known.
    pub value: Option<f64>,
    /// What the number must not exceed.
    pub limit: f64,
    /// Whether it does.
    pub tripped: bool,
    /// What it means, in words.
    pub text: String,
}
