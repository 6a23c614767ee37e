//! What the language says: a scenario in, a word of its plan out.

mod clients;
mod members;

use std::{fs, path::Path};

use facts::{
    Plan,
    plan::{
        Action, Begins, Born, Claim, Command, FailpointAct, Lasts, Launch, Namespace, Network, Pace,
        Requirement, Selector, Trigger, Which, Word,
    },
};

const SCENARIOS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../scenarios");

fn read(path: &str) -> Result<String, String> {
    match path {
        "parts/users.toml" => Ok("load.users = { to = \"web\", kind = \"short\", rate = 500 }\n".into()),
        "parts/bad.toml" => Ok("\nload.users = { to = \"wbe\", kind = \"short\", rate = 500 }\n".into()),
        "targets/lame/target.toml" => Ok(LAME.into()),
        _ => fs::read_to_string(Path::new(SCENARIOS).join(path)).map_err(|error| error.to_string()),
    }
}

/// A server that cannot be upgraded and is known for something.
const LAME: &str = r#"
install = "none"
program = "lame"
version = ["-v"]
start = ["${program}"]
pid_file = "${run}/pid"
lacks = { websocket = "it is lame" }
failpoints = ["master.fork.after", "worker.exit.before"]
failpoint_program = "lame-failpoints"
upgrade_signal = "none"
known_failure = { "mine" = { why = "it is lame", fails = ["every-attempt-ok"] } }
verbs = { stop = [{ signal = { to = "${name}.master", sig = "TERM" } }], drain = [] }
"#;

const HEAD: &str = "schema = 1\nname = 'x'\n";
const WEB: &str = "target.web = { kind = 'nginx' }\n";
const STEADY: &str = "step = [{ phase = 'steady', sleep = '1s' }]\n";

/// A scenario with clients, if it has none of its own.
fn whole(text: &str) -> String {
    let has_clients = text.contains("load.") || text.contains("include");
    let users = "load.users = { to = 'web', kind = 'short', rate = 5 }\n";
    format!("{HEAD}{text}{}", if has_clients { "" } else { users })
}

fn plans(text: &str) -> Vec<Plan> {
    let text = whole(text);
    scenario::load("mine.toml", &text, &read)
        .unwrap_or_else(|found| panic!("{}", scenario::render(&found, "mine.toml", &text, &read)))
}

fn plan(text: &str) -> Plan {
    plans(text).remove(0)
}

/// The one-line diagnostics of a scenario that is refused.
fn refused(text: &str) -> String {
    let text = whole(text);
    let found = scenario::load("mine.toml", &text, &read).expect_err("a mistake");
    let line = |diagnostic: &diagnostic::Diagnostic| {
        let source =
            if diagnostic.file == "mine.toml" { text.clone() } else { read(&diagnostic.file).expect("it") };
        diagnostic.one_line(&source)
    };
    found.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// The action of the second of two steps on nginx, with clients `users` and origins `a` and `b`.
fn action(step: &str) -> Action {
    let more = "load.users = { to = 'web', kind = 'short', rate = 5 }\norigin.a = {}\norigin.b = {}\n";
    let web = "target.web = { kind = 'nginx', config = 'proxy', weights = { a = 1, b = 1 } }\n";
    let step = format!("step = [{{ sleep = '1s' }}, {{ {step} }}]\n");
    plan(&format!("{web}{more}{step}")).steps.remove(1).action
}

fn master() -> Selector {
    Selector { target: 0, generation: Which::Current, members: facts::plan::Members::Master }
}

#[test]
fn every_action_becomes_what_it_says() {
    use facts::plan::{DiskFault, LoadChange, NetFault, Resource, Signal};
    let cases = [
        ("exit = { to = 'web.master' }", Action::Signal { to: master(), signals: vec![Signal::Term] }),
        ("hold = { to = 'web.master', for = '2s' }", Action::Hold { to: master(), for_ms: Some(2000) }),
        (
            "limit = { to = 'web.master', resource = 'nofile', soft = 16 }",
            Action::Limit { to: master(), resource: Resource::Nofile, soft: 16 },
        ),
        (
            "disk = { fault = 'full', for = '1s' }",
            Action::Disk { target: 0, fault: DiskFault::Full, for_ms: Some(1000) },
        ),
        (
            "net = { target = 'web', fault = 'latency', delay = '50ms' }",
            Action::Net { target: 0, fault: NetFault::Latency { nanos: 50_000_000 }, for_ms: None },
        ),
        ("load = { name = 'users', stop = true }", Action::Load { population: 0, change: LoadChange::Stop }),
        (
            "load = { name = 'users', rate = 7 }",
            Action::Load { population: 0, change: LoadChange::Rate { per_second: 7.0 } },
        ),
        ("mark = 'here'", Action::Mark { text: "here".into() }),
        (
            "down = { target = 'web', member = 'b' }",
            Action::Weight { target: 0, weights: [("a".to_owned(), 1), ("b".to_owned(), 0)].into() },
        ),
    ];
    for (step, expected) in cases {
        assert_eq!(action(step), expected, "{step}");
    }
}

#[test]
fn a_command_has_facts_of_the_run_and_pids_for_arguments() {
    let exec = action(
        "timeout = '3s', exec = { argv = ['${program}', '-p', '${run}/x', '-sf', '${pid}', '${pid.old.workers}'], \
         env = { KEPT = '${keepalive_timeout}' }, exit = 1, upgrades = true }",
    );
    let old = Selector { target: 0, generation: Which::Old, members: facts::plan::Members::Workers };
    let text = |text: &str| Word::Text(text.into());
    let argv = vec![
        text("${program}"),
        text("-p"),
        text("${run}/x"),
        text("-sf"),
        Word::Pids(master()),
        Word::Pids(old),
    ];
    let environment = [("KEPT".to_owned(), "${keepalive_timeout}".to_owned())].into();
    let lasts = Lasts::Ends { status: 1, within_ms: 3000 };
    assert_eq!(
        exec,
        Action::Exec { target: 0, command: Command { argv, environment, lasts, upgrades: true } }
    );
    let wrong =
        "step = [{ exec = { argv = ['kill', 'x${pid}', '${pdi}'] } }, { exec = { argv = ['${progrm}'] } }]\n";
    assert_eq!(
        refused(&format!("{WEB}{wrong}")),
        "mine.toml:4:38: error[CO0012]: pids are arguments of their own (write `\"${pid}\"` as one argument)\n\
         mine.toml:4:48: error[CO0020]: nothing fills `${pdi}` (did you mean `pid`?)\n\
         mine.toml:4:82: error[CO0020]: nothing fills `${progrm}` (did you mean `program`?)"
    );
}

#[test]
fn arrivals_have_many_shapes_and_each_says_what_it_needs() {
    let load =
        |keys: &str| format!("{WEB}{STEADY}load.users = {{ to = 'web', kind = 'keepalive', {keys} }}\n");
    let pace = |keys: &str| plan(&load(keys)).populations[0].pace;
    let over_ns = 10_000_000_000;
    assert_eq!(
        pace("rate = 5, arrivals = 'ramp', to_rate = 20, over = '10s'"),
        Pace::Ramp { from: 5.0, to: 20.0, over_ns }
    );
    assert_eq!(
        pace("rate = 5, arrivals = 'step', to_rate = 20, over = '10s', steps = 3"),
        Pace::Step { from: 5.0, to: 20.0, steps: 3, over_ns }
    );
    assert_eq!(pace("rate = 5, arrivals = 'burst', burst = 9"), Pace::Burst { per_second: 5.0, size: 9 });
    assert_eq!(pace("arrivals = 'closed'"), Pace::Closed);
    let table = [
        ("rate = 5, arrivals = 'ramp', over = '1s'", "`to_rate` is missing"),
        ("rate = 5, arrivals = 'step', to_rate = 9, over = '1s'", "`steps` is missing"),
        ("rate = 5, arrivals = 'burst'", "`burst` is missing"),
        ("rate = 5, to_rate = 9", "`to_rate` has an effect only with `arrivals = \"ramp\"` or `\"step\"`"),
        ("rate = 5, arrivals = 'burst', burst = 2, steps = 9", "`steps` has an effect only"),
        ("rate = 5, arrivals = 'closed'", "a closed loop has no `rate`"),
        ("think = '1s', arrivals = 'closed'", "a closed loop does not `think`"),
        ("think = '0s'", "clients that do not think are a closed loop"),
        ("arrivals = 'ramp'", "`rate` or `think` is missing"),
    ];
    for (keys, expected) in table {
        let told = refused(&load(keys));
        assert!(told.contains(expected), "{keys}: {told}");
    }
    let short = format!("{WEB}{STEADY}load.users = {{ to = 'web', kind = 'short', arrivals = 'closed' }}\n");
    assert!(refused(&short).contains("a closed loop keeps its connections"));
}

#[test]
fn a_step_waits_for_one_thing() {
    let steps = "step = [{ sleep = '1s' }, { id = 'x', at = '3s', may_fail = true, sleep = '1s' }, { after = '2s', drain = 'web' }]\n";
    let plan = plan(&format!("{WEB}{steps}expect.finally = ['done(x)']\n"));
    assert_eq!(plan.steps[1].begins, Begins::At { ms: 3000 });
    assert!(plan.steps[1].may_fail);
    // What a verb waits for is a step of its own.
    assert_eq!(plan.steps[2].begins, Begins::After { ms: 2000 });
    assert_eq!((plan.steps[3].begins, &plan.steps[3].when), (Begins::AtOnce, &None));
    let both = "step = [{ at = '3s', when = 'ready(web)', sleep = '1s' }]\n";
    assert_eq!(
        refused(&format!("{WEB}{both}")),
        "mine.toml:4:29: error[CO0024]: `at` and `when` exclude each other"
    );
}

#[test]
fn an_analysis_has_its_rescue_after_it() {
    let steps = "step = [{ phase = 'a', analysis = { every = '1s', count = 3, success = 'lost == 0', on_fail = [\n\
        { phase = 'b', reload = 'web' }] } }, { phase = 'c', sleep = '1s' }]\n";
    let plan = plan(&format!("{WEB}{steps}"));
    assert_eq!(plan.phases, ["a", "b", "c"]);
    let rescues: Vec<Option<usize>> = plan.steps.iter().map(|step| step.rescues).collect();
    assert_eq!(rescues, [None, Some(0), Some(0), None]);
}

#[test]
fn reactions_have_seeds_of_their_own_that_no_neighbour_moves() {
    let on = |tables: &str| plan(&format!("{WEB}{STEADY}on = [{tables}]\n")).reactions;
    let every = "{ event = 'every 300ms', times = 2, after = '1s', probability = 0.5, hold = { to = 'web.worker[?]' } }";
    let one = on(every);
    assert_eq!(one[0].event, Trigger::Every { ms: 300 });
    assert_eq!((one[0].times, one[0].after_ms, one[0].probability), (Some(2), 1000, 0.5));
    let two = on(&format!("{every}, {{ event = 'phase steady', kill = {{ to = 'web.master' }} }}"));
    assert_eq!(two[0].seed, one[0].seed);
    assert_ne!(two[1].seed, one[0].seed);
    let reseeded = plan(&format!("{WEB}{STEADY}on = [{every}]\n")).seeded(2);
    assert_ne!(reseeded.reactions[0].seed, one[0].seed);
}

#[test]
fn only_a_reaction_draws_a_worker() {
    assert_eq!(
        refused(&format!("{WEB}step = [{{ kill = {{ to = 'web.worker[?]' }} }}]\n")),
        "mine.toml:4:25: error[CO0012]: `worker[?]` is drawn from the stream of a reaction (a step says which: \
         `worker[0]`, or `workers`)"
    );
}

#[test]
fn a_server_of_ones_own_needs_no_folder() {
    let plan = plan(
        "target.web = { program = '/opt/mine', start = ['${program}', '--config', '${run}/a.conf'], workers = 3, \
         files = { 'a.conf' = 'listen ${address};' }, verbs = { stop = [{ exit = { to = '${name}.master' } }] } }\n\
         step = [{ sleep = '1s' }, { stop = 'web' }]\nknown_failure = { web = { why = 'it is new', fails = ['sealed'] } }\n",
    );
    let web = &plan.targets[0];
    assert_eq!((web.kind.as_str(), web.workers, web.launch), ("web", 3, Launch::Stays));
    assert_eq!(web.files, [("a.conf".to_owned(), "listen ${address};".to_owned())]);
    assert_eq!(plan.steps[1].text, "stop web: exit web.master");
    let known = plan.known_failure.as_ref().expect("known to fail");
    assert_eq!((known.why.as_str(), known.fails.as_slice()), ("it is new", &["sealed".to_owned()][..]));
    assert_eq!(
        refused("target.web = { program = 'mine' }\nstep = [{ sleep = '1s' }]\n").split(" (").next(),
        Some("mine.toml:3:14: error[CO0003]: neither `kind` nor both of `program` and `start`")
    );
}

#[test]
fn a_known_failure_names_what_it_excuses() {
    let known =
        |table: &str| format!("{WEB}{STEADY}known_failure.nginx = {table}\nexpect.finally = ['lost == 0']\n");
    assert_eq!(
        refused(&known("{ why = 'a race', fails = ['lots == 0'] }")),
        "mine.toml:5:50: error[CO0014]: nothing that is expected here reads `lots == 0` (did you mean `lost == 0`?)"
    );
    assert_eq!(
        refused(&known("{ why = 'a race', fails = [] }")),
        "mine.toml:5:49: error[CO0025]: this excuses nothing (name the lines of `expect`, or the checks, that fail)"
    );
    let untold = refused(&known("'a race'"));
    assert!(untold.contains("expected a table such as `{ why = "), "{untold}");
}

#[test]
fn a_target_that_lacks_a_verb_is_skipped_and_says_why() {
    let plans = plans(
        "matrix = { target = ['lame', 'nginx'] }\ntarget.web = { kind = '${target}' }\n\
         step = [{ phase = 'a', drain = 'web' }, { phase = 'b', rollback = 'web' }]\n",
    );
    assert_eq!(plans[0].skip.as_deref(), Some("lame cannot `rollback`"));
    assert_eq!(plans[1].skip, None);
    // A verb with no steps is done already.
    assert_eq!(plans[0].steps[0].action, Action::Mark { text: "drain web: nothing to do".into() });
    assert_eq!(plans[0].known_failure.as_ref().map(|known| known.why.as_str()), Some("it is lame"));
    assert_eq!(plans[0].targets[0].upgrade_signal, None);
}

#[test]
fn a_failpoint_is_one_that_the_target_has() {
    let step = |to: &str, rest: &str| {
        format!(
            "target.web = {{ kind = 'lame' }}\nstep = [{{ failpoint = {{ to = 'web.{to}', {rest} }} }}]\n"
        )
    };
    let has = plan(&step("new.master", "point = 'fork.after', act = 'kill', nth = 2, born = 'after'"));
    let Action::Failpoint(failpoint) = &has.steps[0].action else { panic!("{:?}", has.steps[0]) };
    assert_eq!((failpoint.to.generation, failpoint.act), (Which::New, FailpointAct::Kill));
    assert_eq!(
        (failpoint.point.as_str(), failpoint.nth, failpoint.born),
        ("fork.after", 2, Some(Born::After))
    );
    assert_eq!(has.targets[0].program, "lame-failpoints", "the other one has none");
    let misspelt = refused(&step("master", "point = 'frok.after', act = 'kill'"));
    assert!(misspelt.contains("did you mean `fork.after`"), "{misspelt}");
    let of_another = refused(&step("workers", "point = 'fork.after', act = 'kill'"));
    assert!(of_another.contains("has no failpoint `fork.after` there"), "{of_another}");
    assert!(refused(&step("worker[0]", "point = 'exit.before', act = 'kill'")).contains("workers"));
    assert!(refused(&step("master", "point = '*', act = 'kill'")).contains("no failpoint `*`"));
    plan(&step("any.*", "point = '*', act = 'note'"));
}

#[test]
fn requirements_are_of_the_machine_and_of_the_kinds_in_the_case() {
    let requires = "requires = ['root', 'nginx>=1.22', 'curl']\n";
    let of = |kind: &str, step: &str| {
        plan(&format!("{requires}target.web = {{ kind = '{kind}' }}\nstep = [{{ {step} }}]\n")).requires
    };
    let program = |name: &str, at_least: Option<&str>| Requirement::Program {
        name: name.into(),
        at_least: at_least.map(str::to_owned),
    };
    let curl = program("curl", None);
    assert_eq!(
        of("nginx", "sleep = '1s'"),
        [Requirement::Root, program("nginx", Some("1.22")), curl.clone()]
    );
    assert_eq!(of("reference", "sleep = '1s'"), [Requirement::Root, curl.clone()]);
    let disk = of("reference", "disk = { fault = 'full' }");
    assert_eq!(disk, [Requirement::Root, Requirement::Mount, curl]);
}

#[test]
fn expectations_are_of_every_instant_or_of_the_end() {
    let expect = "expect = { always = ['accepting(web) > 0 within 500ms'], budget = ['max < 1s'], \
        reached = ['ready(web.new)', 'count > 10'] }\n";
    let plan = plan(&format!("{WEB}{STEADY}{expect}"));
    let claims: Vec<&Claim> = plan
        .expectations
        .iter()
        .filter(|e| e.place.is_some())
        .map(|expectation| &expectation.claim)
        .collect();
    let [Claim::Always(always), Claim::Holds(_), Claim::Reached(reached), Claim::Holds(_)] =
        claims.as_slice()
    else {
        panic!("{claims:?}");
    };
    assert_eq!((always.text.as_str(), always.within_ms), ("accepting(web) > 0", 500));
    let watched: Vec<&str> = plan.watched().iter().map(|condition| condition.text.as_str()).collect();
    assert_eq!(watched, ["accepting(web) > 0", reached.text.as_str()]);
}

#[test]
fn parts_that_would_show_nothing_together_are_refused() {
    let said = |text: &str, part: &str| {
        let found = refused(text);
        assert!(found.contains(part), "{part} is not in\n{found}");
    };
    let proxy = "target.web = { kind = 'nginx', config = 'proxy', weights = ";
    said(&format!("{WEB}{STEADY}origin.a = {{}}\n"), "CO0024]: no target passes requests on to `a`");
    said(
        &format!("target.web = {{ kind = 'nginx', weights = {{ a = 1 }} }}\norigin.a = {{}}\n{STEADY}"),
        "CO0024]: the configuration of `web` spreads requests over no origins",
    );
    said(
        &format!("{WEB}origin.a = {{}}\nstep = [{{ weight = {{ target = 'web', set = {{ a = 5 }} }} }}]\n"),
        "CO0024]: the configuration of `web` spreads requests over no origins",
    );
    said(
        &format!("{proxy}{{ a = 1 }} }}\norigin.a = {{}}\norigin.b = {{}}\n{STEADY}"),
        "CO0024]: `weights` does not name the origin `b` (add `b = 0`)",
    );
    said(&format!("{proxy}{{ a = 0 }} }}\norigin.a = {{}}\n{STEADY}"), "all weights are 0");
    said(
        &format!(
            "{proxy}{{ a = 1 }} }}\norigin.a = {{}}\nstep = [{{ down = {{ target = 'web', member = 'a' }} }}]\n"
        ),
        "all weights are 0 then",
    );
    let talkers = "load.talkers = { to = 'web', kind = 'websocket', connections = 1, think = '1s' }\n";
    said(
        &format!("{WEB}{STEADY}{talkers}"),
        "CO0024]: the configuration `default` of `web` serves no `websocket` (write `config = \"streams\"` in `[target.web]`)",
    );
    plan(&format!(
        "target.web = {{ kind = 'nginx', config = 'streams', weights = {{ a = 1 }} }}\n{STEADY}{talkers}origin.a = {{}}\n"
    ));
    said(&format!("{WEB}{STEADY}must = 'fail'\n"), "CO0024]: `must = \"fail\"`, and no line of `expect`");
    said(
        &format!(
            "{WEB}{STEADY}must = 'fail'\nexpect.finally = ['lost == 0']\nknown_failure.nginx = {{ why = 'x', fails = ['lost == 0'] }}\n"
        ),
        "CO0024]: a planted loss cannot be a known failure",
    );
    let steps = "step = [{ sleep = '1s' }, { after = '500ms', sleep = '1s' }]\n";
    said(&format!("{WEB}{steps}deadline = '2s'\n"), "CO0025]: the steps alone take 2500 ms");
    said(
        &format!("{WEB}step = [{{ sleep = '59s' }}, {{ at = '1m', mark = 'x' }}]\n"),
        "CO0025]: the steps alone take 60000",
    );
    said(
        &format!("{WEB}{STEADY}expect.always = ['accepting(web) > 0 within 1m']\n"),
        "CO0036]: `within` is not shorter",
    );
    let analysis =
        "step = [{ analysis = { every = '1s', count = 3, success = 'lost == 0', failure_limit = 3 } }]\n";
    said(
        &format!("{WEB}{analysis}"),
        "CO0025]: 3 measurements cannot fail more than 3 times (anything from 0 to 2)",
    );
    said(&format!("{WEB}{STEADY}matrix = {{ n = ['1', '2'] }}\n"), "CO0024]: nothing uses `${n}`");
    said(
        "matrix = { t = ['nginx', 'nginx'] }\ntarget.web = { kind = '${t}' }\nstep = [{ sleep = '1s' }]\n",
        "CO0024]: `nginx` is there already",
    );
    assert!(refused(&format!("include = ['parts/none.toml']\n{WEB}{STEADY}")).contains("CO0028"));
}

#[test]
fn what_a_run_could_not_use_is_refused_before_it() {
    let said = |text: &str, part: &str| {
        let found = refused(text);
        assert!(found.contains(part), "{part} is not in\n{found}");
    };
    let step = |step: &str| format!("{WEB}step = [{{ {step} }}]\n");
    said(&step("exec = { argv = [''] }"), "CO0025]: no program to run");
    said(
        &step("exec = { argv = ['kill', '${pid.old.workers'] }"),
        "mine.toml:4:37: error[CO0020]: this `${` is never closed",
    );
    said(&step("wait_until = 'ready(web)', timeout = '25h'"), "CO0006]: unknown unit `h`");
    said(&step("sleep = '5000000s'"), "CO0006]: `5000000s` is longer than a day");
    said(
        &step("wait_until = 'workers(web.old.new) == 0'"),
        "CO0012]: `new` does not fit behind what stands before it",
    );
    said(&step("wait_until = \"ready(web)\\u200B\""), "CO0015]: the character U+200B means nothing here");
    said(&format!("{WEB}{STEADY}minimum_samples = -1\n"), "(anything from 0 to 9223372036854775807)");
    said(&format!("{WEB}{STEADY}on = [{{ event = 'every 1s' }}]\n"), "CO0007]: nothing is done here");
    said(
        &format!("target.web = {{ kind = 'reference', workers = 0 }}\n{STEADY}"),
        "CO0025]: 0 is out of range (anything from 1",
    );
    said(&format!("target.web = {{ kind = 'nginx', program = '' }}\n{STEADY}"), "CO0025]: no program to run");
    said(
        &format!("target.web = {{ kind = 'nginx', env = {{ 'A=B' = 'c' }} }}\n{STEADY}"),
        "CO0023]: `A=B` cannot be",
    );
    said(
        &format!(
            "target.web = {{ kind = 'nginx', options = {{ keepalive_timeout = '1s; x on' }} }}\n{STEADY}"
        ),
        "CO0027]: a value ends neither the line nor the directive",
    );
}

#[test]
fn a_file_without_clients_is_refused() {
    let text = format!("{HEAD}{WEB}{STEADY}");
    let found = scenario::load("mine.toml", &text, &read).expect_err("nobody asks");
    assert_eq!((found[0].code, found[0].message.as_str()), ("CO0003", "`load` is missing or empty"));
}

#[test]
fn of_thousands_of_mistakes_a_hundred_are_told() {
    let lines = "'lots == 0',".repeat(8_000);
    let text = format!(
        "{HEAD}{WEB}{STEADY}load.users = {{ to = 'web', kind = 'short', rate = 5 }}\nexpect.finally = [{lines}]\n"
    );
    let found = scenario::load("mine.toml", &text, &read).expect_err("mistakes");
    assert_eq!(found.len(), scenario::MOST_MISTAKES);
}

#[test]
fn what_may_be_included_must_come_from_somewhere() {
    assert!(refused(WEB).starts_with("mine.toml:1:10: error[CO0003]: `step` is missing"));
    assert!(refused(STEADY).starts_with("mine.toml:1:10: error[CO0003]: `target` is missing"));
}

#[test]
fn a_mistake_in_an_included_file_is_shown_there() {
    let with = |part: &str| format!("include = ['parts/{part}.toml']\n{WEB}{STEADY}");
    assert_eq!(plan(&with("users")).populations[0].name, "users");
    assert_eq!(
        refused(&with("bad")),
        "parts/bad.toml:2:21: error[CO0008]: unknown target `wbe` (did you mean `web`?)"
    );
}

#[test]
fn a_network_of_the_runs_own_can_be_set_up_and_declined() {
    let network = |text: &str| {
        let plan = plan(&format!("{text}{WEB}{STEADY}"));
        (plan.network, plan.requires)
    };
    let (usual, requires) = network("");
    assert_eq!((usual, requires), (Network::default(), vec![]));
    let (set, requires) = network("network.sysctl.\"net.ipv4.tcp_migrate_req\" = '1'\n");
    assert_eq!(set.sysctl, [("net.ipv4.tcp_migrate_req".to_owned(), "1".to_owned())].into());
    assert_eq!((set.namespace, requires), (Namespace::Own, vec![Requirement::Netns]));
    let (shared, requires) = network("network.own = false\n");
    assert_eq!((shared.namespace, requires), (Namespace::Shared, vec![]));
}

#[test]
fn a_network_that_cannot_be_is_refused() {
    let refused = |text: &str| refused(&format!("{text}{WEB}{STEADY}"));
    assert_eq!(
        refused("network = { own = false, sysctl.\"net.core.somaxconn\" = '8' }\n"),
        "mine.toml:3:19: error[CO0024]: a run that stays in the machine's network cannot need one of its own \
         (leave out `own`, or else `sysctl` and the requirement `netns`)"
    );
    assert_eq!(
        refused("network.sysctl.\"kernel.hostname\" = 'x'\n"),
        "mine.toml:3:16: error[CO0014]: `kernel.hostname` is not a setting of a network (write its name as sysctl(8) does: \
         `net.ipv4.tcp_migrate_req`)"
    );
}
