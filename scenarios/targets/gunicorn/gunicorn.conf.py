# One configuration for every release of gunicorn, so that every comparison is of like with like.
bind = "${address}"
pidfile = "${pid_directory}/server.pid"
# WINCH is ignored in the foreground, and QUIT is then a fast stop that cuts every request in flight.
daemon = True
workers = ${workers}
worker_class = "gthread"
threads = 32
keepalive = ${keepalive}
errorlog = "${run}/error.log"
chdir = "${run}"
# A heartbeat file on a busy disk makes a worker look dead.
worker_tmp_dir = "/dev/shm"
# Its socket would be in the home directory of whoever runs this. Older releases do not know the word.
control_socket_disable = True
