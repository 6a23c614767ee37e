working_directory "${run}"
listen "${address}", backlog: 1024
pid "${pid_directory}/server.pid"
worker_processes ${workers}
timeout ${timeout}
stderr_path "${run}/error.log"
stdout_path "${run}/error.log"
# Loaded once in the master: a worker answers as soon as it is forked.
preload_app true
