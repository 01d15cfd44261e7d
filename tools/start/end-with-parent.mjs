// Loaded before the program that run.mjs starts: when run.mjs is killed, its channel closes, and the program is asked to
// end as if by Ctrl-C. Nothing may outlive the command that the person typed.
process.once("disconnect", () => process.kill(process.pid, "SIGTERM"));
process.channel?.unref();
