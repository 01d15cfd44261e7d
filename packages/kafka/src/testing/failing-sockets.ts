import type { Socket } from "node:net";

/** For tests: connections that a test can cut and keep closed, or whose responses it can drop or delay. */
export class FailingSockets {
  #isCut = false;
  #isMuted = false;
  #held: (() => void)[] | undefined;
  readonly #sockets = new Set<Socket>();

  readonly adopt = (socket: Socket): void => {
    if (this.#isCut) socket.destroy(new Error("cut"));
    const emit = socket.emit.bind(socket);
    socket.emit = (event: string | symbol, ...values: unknown[]) => {
      if (event === "data" && this.#isMuted) return true;
      if (event !== "data" || this.#held === undefined) return emit(event, ...values);
      this.#held.push(() => emit(event, ...values));
      return true;
    };
    this.#sockets.add(socket);
  };

  /** Simulates a network outage: nothing is transmitted, and no connection can be opened. */
  cut(): void {
    this.#isCut = true;
    for (const socket of this.#sockets) socket.destroy(new Error("cut"));
  }

  /** Requests reach the broker, but its responses are lost. */
  mute(): void {
    this.#isMuted = true;
  }

  unmute(): void {
    this.#isMuted = false;
  }

  /** Simulates a stalled broker: its responses arrive only when the test releases them. */
  hold(): void {
    this.#held ??= [];
  }

  release(): void {
    const held = this.#held ?? [];
    this.#held = undefined;
    for (const answer of held) answer();
  }
}
