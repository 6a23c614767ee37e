# Says who asked and who answers.
run lambda { |env|
  headers = {
    "Content-Type" => "text/plain",
    # Without it unicorn marks the end of the body by closing the connection, and a cut body would look whole.
    "Content-Length" => "3",
    "X-Changeover-Id" => env["HTTP_X_CHANGEOVER_ID"].to_s,
    "X-Changeover-Pid" => Process.pid.to_s,
  }
  [200, headers, ["ok\n"]]
}
