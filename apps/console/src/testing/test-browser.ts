import { z } from "zod";

export interface Answer {
  readonly status: number;
  // `unknown`, because tests inspect it with matchers.
  readonly body: unknown;
  readonly headers: Headers;
}

const REDIRECTS_MAX = 10;

/** A minimal browser for sessions: it keeps cookies and follows redirects. */
export class TestBrowser {
  readonly cookies = new Map<string, string>();
  csrfToken = "";

  constructor(readonly url: string) {}

  /** @returns the final URL and its status */
  async open(path: string): Promise<{ url: string; status: number }> {
    let url = new URL(path, this.url);
    for (let count = 0; count < REDIRECTS_MAX; count += 1) {
      const response = await fetch(url, { redirect: "manual", headers: { cookie: this.#cookieHeader() } });
      this.#keep(response);
      await response.arrayBuffer();
      const location = response.headers.get("location");
      if (location === null) return { url: url.href, status: response.status };
      url = new URL(location, url);
    }
    throw new Error(`the browser is redirected in a loop from ${path}`);
  }

  async signIn(to = "/"): Promise<void> {
    await this.open(`/session/sign-in?to=${encodeURIComponent(to)}`);
    const { body } = await this.get("/api/session");
    this.csrfToken = z.object({ csrfToken: z.string() }).parse(body).csrfToken;
  }

  get(path: string): Promise<Answer> {
    return this.send("GET", path);
  }

  post(path: string, body: unknown = {}): Promise<Answer> {
    return this.send("POST", path, body);
  }

  async download(path: string): Promise<{ status: number; headers: Headers; bytes: Buffer }> {
    const response = await fetch(this.url + path, { headers: { cookie: this.#cookieHeader() } });
    return { status: response.status, headers: response.headers, bytes: Buffer.from(await response.arrayBuffer()) };
  }

  send(method: string, path: string, body?: unknown, headers: Record<string, string> = {}): Promise<Answer> {
    if (body === undefined) return this.#request(path, { method, headers });
    const type = { "content-type": "application/json", ...headers };
    return this.#request(path, { method, headers: type, body: JSON.stringify(body) });
  }

  upload(path: string, content: Buffer, headers: Record<string, string>): Promise<Answer> {
    const type = { "content-type": "application/octet-stream", ...headers };
    return this.#request(path, { method: "POST", headers: type, body: new Uint8Array(content) });
  }

  async #request(path: string, given: RequestInit & { readonly headers: Record<string, string> }): Promise<Answer> {
    const response = await fetch(this.url + path, {
      ...given,
      redirect: "manual",
      headers: { cookie: this.#cookieHeader(), "x-csrf-token": this.csrfToken, ...given.headers },
    });
    this.#keep(response);
    const text = await response.text();
    const isJson = /^application\/(problem\+)?json/.test(response.headers.get("content-type") ?? "");
    return { status: response.status, body: isJson ? JSON.parse(text) : text, headers: response.headers };
  }

  cookieHeader(): string {
    return this.#cookieHeader();
  }

  #cookieHeader(): string {
    return [...this.cookies].map(([name, value]) => `${name}=${value}`).join("; ");
  }

  #keep(response: Response): void {
    for (const line of response.headers.getSetCookie()) {
      const [pair = ""] = line.split(";", 1);
      const name = pair.slice(0, pair.indexOf("="));
      const value = pair.slice(pair.indexOf("=") + 1);
      if (value === "" || /max-age=0/i.test(line)) this.cookies.delete(name);
      else this.cookies.set(name, value);
    }
  }
}
