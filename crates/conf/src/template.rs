//! A value with variables in it, such as `"$pid of $hostname"`, cut once when the configuration is read.

use crate::codes;
use crate::problems::Wrong;

/// What a request, a connection or the process knows by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Variable {
    /// `$http_NAME`: a header of the request; lower case, underscores stand for dashes.
    RequestHeader(String),
    /// `$arg_NAME`: an argument of the query.
    Argument(String),
    /// `$args`, `$query_string`: the query, without the question mark.
    Arguments,
    /// `$is_args`: `?` if there is a query.
    IsArguments,
    /// `$connection`: the number of the connection in this worker.
    Connection,
    /// `$connection_requests`: how many requests this connection has carried, this one included.
    ConnectionRequests,
    /// `$host`: lower case, without port; of the request line, else the header, else the server's name.
    Host,
    /// `$hostname`: of the machine.
    Hostname,
    /// `$nginx_version`: the version of this server.
    NginxVersion,
    /// `$pid`: of the worker.
    Pid,
    /// `$proxy_add_x_forwarded_for`: the client's header, with its address appended.
    ProxyAddForwardedFor,
    /// `$proxy_host`: what `proxy_pass` names.
    ProxyHost,
    /// `$remote_addr`.
    RemoteAddress,
    /// `$remote_port`.
    RemotePort,
    /// `$request_method`.
    RequestMethod,
    /// `$request_uri`: as the client wrote it, with the query.
    RequestUri,
    /// `$scheme`.
    Scheme,
    /// `$server_addr`.
    ServerAddress,
    /// `$server_name`: the first name of the server that answers.
    ServerName,
    /// `$server_port`.
    ServerPort,
    /// `$server_protocol`: `HTTP/1.0` or `HTTP/1.1`.
    ServerProtocol,
    /// `$status`: of the response.
    Status,
    /// `$upstream_addr`: the peers that were tried, in order.
    UpstreamAddress,
    /// `$upstream_status`: what each of them answered with; 502 or 504 for one that did not.
    UpstreamStatus,
    /// `$uri`: decoded, without the query.
    Uri,
    /// `$realip_remote_addr`: of the connection, whatever `real_ip_header` says.
    ConnectionAddress,
    /// `$realip_remote_port`.
    ConnectionPort,
    /// `$request`: the request line.
    Request,
    /// `$remote_user`: of basic authentication, which nobody asks for here.
    RemoteUser,
    /// `$time_local`: as in the common log format; known when the answer is over, as all the following.
    TimeLocal,
    /// `$time_iso8601`.
    TimeIso8601,
    /// `$msec`: seconds since the epoch, with milliseconds.
    Milliseconds,
    /// `$request_time`: seconds since the request was read, with milliseconds.
    RequestTime,
    /// `$connection_time`: seconds since the connection was accepted, with milliseconds.
    ConnectionTime,
    /// `$body_bytes_sent`: bytes of the answer's body that were taken to be sent.
    BodyBytesSent,
    /// `$bytes_sent`: bytes of the whole answer that were written.
    BytesSent,
    /// `$sent_http_NAME`: a header of the answer; lower case, underscores stand for dashes.
    SentHeader(String),
    /// The variable of a `split_clients`: its index in [`crate::Http::splits`].
    Split(usize),
    /// The variable of a `map`: its index in [`crate::Http::maps`].
    Mapped(usize),
}

const NAMED: &[(&str, Variable)] = &[
    ("args", Variable::Arguments),
    ("query_string", Variable::Arguments),
    ("is_args", Variable::IsArguments),
    ("connection", Variable::Connection),
    ("connection_requests", Variable::ConnectionRequests),
    ("host", Variable::Host),
    ("hostname", Variable::Hostname),
    ("nginx_version", Variable::NginxVersion),
    ("pid", Variable::Pid),
    ("proxy_add_x_forwarded_for", Variable::ProxyAddForwardedFor),
    ("proxy_host", Variable::ProxyHost),
    ("realip_remote_addr", Variable::ConnectionAddress),
    ("realip_remote_port", Variable::ConnectionPort),
    ("remote_addr", Variable::RemoteAddress),
    ("remote_port", Variable::RemotePort),
    ("request_method", Variable::RequestMethod),
    ("request_uri", Variable::RequestUri),
    ("scheme", Variable::Scheme),
    ("server_addr", Variable::ServerAddress),
    ("server_name", Variable::ServerName),
    ("server_port", Variable::ServerPort),
    ("server_protocol", Variable::ServerProtocol),
    ("status", Variable::Status),
    ("upstream_addr", Variable::UpstreamAddress),
    ("upstream_status", Variable::UpstreamStatus),
    ("uri", Variable::Uri),
    ("document_uri", Variable::Uri),
    ("request", Variable::Request),
    ("remote_user", Variable::RemoteUser),
    ("time_local", Variable::TimeLocal),
    ("time_iso8601", Variable::TimeIso8601),
    ("msec", Variable::Milliseconds),
    ("request_time", Variable::RequestTime),
    ("connection_time", Variable::ConnectionTime),
    ("body_bytes_sent", Variable::BodyBytesSent),
    ("bytes_sent", Variable::BytesSent),
];

/// A piece of a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// Text as it is.
    Literal(String),
    /// A value to be looked up for each request.
    Variable(Variable),
}

/// Text with variables.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Template {
    parts: Vec<Part>,
}

impl Template {
    /// The text for one request. `value` gives what a variable stands for; an unset one is empty.
    pub fn fill(&self, value: impl Fn(&Variable) -> String) -> String {
        let literals =
            self.parts.iter().map(|part| if let Part::Literal(text) = part { text.len() } else { 0 });
        let mut text = String::with_capacity(literals.sum());
        for part in &self.parts {
            match part {
                Part::Literal(literal) => text.push_str(literal),
                Part::Variable(variable) => text.push_str(&value(variable)),
            }
        }
        text
    }

    /// The pieces, in order.
    pub fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// Cuts a value at its variables (`ngx_http_script_compile`).
    /// `defined` is what `map` and `split_clients` define.
    pub(crate) fn parse(text: &str, defined: &[(String, Variable)]) -> Result<Template, Wrong> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((literal, after)) = rest.split_once('$') {
            push_literal(&mut parts, literal);
            let (name, after) = name(after)?;
            parts.push(Part::Variable(variable(name, defined)?));
            rest = after;
        }
        push_literal(&mut parts, rest);
        Ok(Template { parts })
    }
}

fn push_literal(parts: &mut Vec<Part>, literal: &str) {
    if !literal.is_empty() {
        parts.push(Part::Literal(literal.to_owned()));
    }
}

/// The name at the start of `text`, with or without braces, and what follows it.
fn name(text: &str) -> Result<(&str, &str), Wrong> {
    let (name, after) = match text.strip_prefix('{') {
        Some(braced) => braced.split_once('}').ok_or_else(|| {
            Wrong::value(
                format!("the closing bracket in \"{}\" variable is missing", &text[1..]),
                "write ${name}",
            )
        })?,
        None => text.split_at(text.find(|c: char| !is_name(c)).unwrap_or(text.len())),
    };
    if name.is_empty() || !name.chars().all(is_name) {
        return Err(Wrong::value(
            format!("invalid variable name in \"${text}\""),
            "a name is letters, digits and _",
        ));
    }
    Ok((name, after))
}

fn is_name(character: char) -> bool {
    character.is_ascii_alphanumeric() || character == '_'
}

/// Whether there is a variable of this name whatever the configuration defines.
pub(crate) fn is_built_in(name: &str) -> bool {
    variable(name, &[]).is_ok()
}

fn variable(name: &str, defined: &[(String, Variable)]) -> Result<Variable, Wrong> {
    if let Some((_, known)) = NAMED.iter().find(|(known, _)| *known == name) {
        return Ok(known.clone());
    }
    if let Some((_, variable)) = defined.iter().find(|(known, _)| known == name) {
        return Ok(variable.clone());
    }
    let sent = name.strip_prefix("sent_http_").filter(|header| !header.is_empty());
    if let Some(header) = sent {
        return Ok(Variable::SentHeader(header.to_ascii_lowercase().replace('_', "-")));
    }
    match name.split_once('_') {
        Some(("http", header)) if !header.is_empty() => {
            Ok(Variable::RequestHeader(header.to_ascii_lowercase().replace('_', "-")))
        }
        Some(("arg", argument)) if !argument.is_empty() => Ok(Variable::Argument(argument.to_owned())),
        _ => Err(unknown(name, defined)),
    }
}

fn unknown(name: &str, defined: &[(String, Variable)]) -> Wrong {
    let names =
        || NAMED.iter().map(|(known, _)| *known).chain(defined.iter().map(|(known, _)| known.as_str()));
    let help = match diagnostic::closest(name, names()) {
        Some(near) => format!("did you mean \"${near}\"?"),
        None => {
            let all: Vec<String> = names().map(|name| format!("${name}")).collect();
            format!("known: {}, $http_NAME, $arg_NAME, $sent_http_NAME", all.join(", "))
        }
    };
    Wrong { code: codes::UNKNOWN_VARIABLE, message: format!("unknown \"{name}\" variable"), help }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn defined() -> Vec<(String, Variable)> {
        vec![("variant".to_owned(), Variable::Split(0)), ("mapped".to_owned(), Variable::Mapped(3))]
    }

    fn check(text: &str, expected: &str) {
        let filled = Template::parse(text, &defined())
            .map(|template| template.fill(|variable| format!("<{variable:?}>")));
        assert_eq!(filled.as_deref(), Ok(expected), "{text}");
    }

    #[test]
    fn variables_stand_between_text() {
        check("plain", "plain");
        check("", "");
        check("$pid", "<Pid>");
        check("a$pid-${hostname}b", "a<Pid>-<Hostname>b");
        check("$http_x_changeover_id", "<RequestHeader(\"x-changeover-id\")>");
        check("$arg_n.", "<Argument(\"n\")>.");
        check("é$uri", "é<Uri>");
        check("$variant-$mapped", "<Split(0)>-<Mapped(3)>");
    }

    #[test]
    fn mistakes_are_named() {
        let check = |text: &str, message: &str| {
            assert_eq!(
                Template::parse(text, &defined()).map_err(|wrong| wrong.message),
                Err(message.to_owned()),
                "{text}"
            );
        };
        check("$pidd", "unknown \"pidd\" variable");
        check("$1", "unknown \"1\" variable");
        check("a $", "invalid variable name in \"$\"");
        check("${pid", "the closing bracket in \"pid\" variable is missing");
        check("$http_", "unknown \"http_\" variable");
    }
}
