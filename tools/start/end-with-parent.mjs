// Loaded before the program that run.mjs starts: if run.mjs is killed, its channel closes, and the program ends as if by
// Ctrl-C. No process may outlive the user's command.
process.once("disconnect", () => process.kill(process.pid, "SIGTERM"));
process.channel?.unref();
