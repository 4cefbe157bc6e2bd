use std::collections::BTreeSet;

use super::{Command, Output};

#[test]
fn each_output_has_a_name_of_its_own_and_a_command() {
    let names: BTreeSet<_> = Output::ALL.iter().map(|output| output.name).collect();
    assert_eq!(names.len(), Output::ALL.len());
    for output in Output::ALL {
        let is_default = Command::ALL.iter().any(|command| command.default_output() == output);
        assert!(is_default || !output.offers.is_empty(), "nobody can ask for {}", output.name);
        assert!(output.offers.iter().all(|(_, help)| !help.is_empty()), "{}", output.name);
    }
}

#[test]
fn what_compare_offers_is_a_page_or_its_json() {
    for output in Output::ALL.iter().filter(|output| output.help(Command::Compare).is_some()) {
        assert!(output.render.is_some() || output.name == "json", "{}", output.name);
    }
}
