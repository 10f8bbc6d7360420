# Runs nats-server, and has it read its configuration anew when a certificate or an account was replaced.
look() { cat /etc/nats-tls/* /etc/nats-accounts/* 2>/dev/null | md5sum; }
watch() {
  seen=$(look)
  while sleep "${LOOK_EVERY_S:-30}"; do
    now=$(look)
    if [ "$now" != "$seen" ]; then
      seen=$now
      nats-server --signal reload=/run/nats/nats.pid
    fi
  done
}
watch &
exec nats-server --config /etc/nats/nats.conf
