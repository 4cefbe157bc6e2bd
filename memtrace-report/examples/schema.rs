//! Prints the JSON schema of the objects, which `docs/json-schema.json` holds.

#![expect(clippy::disallowed_macros, reason = "printing is all that it does")]

fn main() -> Result<(), serde_json::Error> {
    print!("{}", memtrace_report::schema::schema()?);
    Ok(())
}
