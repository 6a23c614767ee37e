//! What is said of the members of a director.

use super::*;

/// Steps on nginx with members, each a line of the plan.
fn told(steps: &str) -> Vec<String> {
    plan(&members(steps)).steps.into_iter().map(|step| step.text).collect()
}

fn members(steps: &str) -> String {
    let more = "load.users = { to = 'web', kind = 'short', rate = 5 }\norigin.a = {}\norigin.b = {}\n";
    let web = "target.web = { kind = 'nginx', config = 'proxy', weights = { a = 1, b = 7 } }\n";
    format!("{web}{more}step = [{{ sleep = '1s' }}, {steps}]\n")
}

#[test]
fn a_member_is_drained_as_its_target_says_and_gets_back_the_weight_that_it_had() {
    let drain = "{ drain = { target = 'web', member = 'b' } }";
    let undrain = "{ undrain = { target = 'web', member = 'b' } }";
    let steps = plan(&members(&format!("{drain}, {undrain}"))).steps;
    let weights: Vec<u32> = steps
        .iter()
        .filter_map(|step| match &step.action {
            Action::Weight { weights, .. } => Some(weights["b"]),
            _ => None,
        })
        .collect();
    assert_eq!(weights, [0, 7]);
    let told = told(drain);
    assert_eq!(told[1], "drain web b: written");
    assert!(told[2].starts_with("drain web b: signal web.master HUP"), "{told:?}");
    assert!(told[3].starts_with("drain web b: wait until reloaded(web)"), "{told:?}");
    let refused = |steps: &str, why: &str| {
        let told = refused(&members(steps));
        assert!(told.contains(why), "{told}");
    };
    refused(undrain, "`b` is not drained at this point");
    refused(&format!("{drain}, {drain}"), "`b` gets nothing at this point");
    refused("{ drain = { target = 'web', member = 'c' } }", "`c`");
    refused("{ drain = 7 }", "a target such as");
    refused(&format!("{drain}, {{ drain = {{ target = 'web', member = 'a' }} }}"), "all weights are 0 then");
    let reaction = format!(
        "{}on = [{{ event = 'every 1s', undrain = {{ target = 'web', member = 'b' }} }}]\n",
        members(drain)
    );
    let told = self::refused(&reaction);
    assert!(told.contains("`undrain` waits for its end"), "{told}");
}
