# The watchdog of one server. $1 is the server's directory, or empty if it must stay. Standard input is a pipe that nobody but the process
# that started the server holds open; lines on it say what to watch. At its end, which the kernel sees to even when that process was
# killed, what is still there is stopped and removed.
trap '' HUP INT QUIT TERM
watched=
while read -r verb pid signal; do
	case $verb in
	watch) watched="$watched $pid:$signal" ;;
	forget)
		kept=
		for w in $watched; do
			[ "${w%:*}" = "$pid" ] || kept="$kept $w"
		done
		watched=$kept
		;;
	esac
done
for w in $watched; do
	kill -s "${w#*:}" "${w%:*}"
done
tries=0
for w in $watched; do
	while [ $tries -lt 50 ] && kill -0 "${w%:*}"; do
		sleep 0.1
		tries=$((tries + 1))
	done
	kill -s KILL "${w%:*}"
done
[ -z "$1" ] && exit 0
rm -rf -- "$1" || {
	sleep 1
	rm -rf -- "$1"
}
