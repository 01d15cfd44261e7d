type Words = Readonly<Record<string, string>>;
type Steps = Readonly<Record<string, { readonly name: string; readonly detail: string }>>;

export const text = {
  title: "Admin",
  state: "State",
  locked: "Locked",
  mayIn: "Active",
  you: "You",
  added: "Added",
  action: "Action",
  change: "Change",
  changeOne: (name: string) => `Change ${name}`,
  step: "What to do",
  done: "Done. It is in the audit log.",
  toldLater: "It is kept, but not every service knows it yet: they are told when Kafka answers again.",
  passwordOnce: "The new password. It is shown this once: hand it over by a safe way.",
  secretOnce: "The new secret. It is shown this once: put it where the client reads it.",
  copy: "Copy",
  copied: "Copied",
  roles: { viewer: "Viewer", analyst: "Analyst", lead: "Lead", admin: "Administrator" } as Words,
  mayDo: {
    viewer: "sees decisions, cases, policies, lists and models, with tokens masked",
    analyst: "works on cases, labels payments, changes lists, sees tokens whole",
    lead: "also changes and approves policies, steers models, reads the audit log",
    admin: "lets people and clients in, reads the audit log",
  },
  people: {
    title: "People",
    name: "Name",
    userName: "User name",
    userNameHint: "Lower case letters, digits and . _ @ + -. It cannot be changed later.",
    roles: "Roles",
    secondFactor: "Second factor",
    hasFactor: "Set up",
    noFactor: "None",
    add: "Let somebody in",
    addDetail: "A password is made and shown to you once.",
    added: (name: string) => `${name} may sign in now`,
    steps: {
      roles: {
        name: "Set roles",
        detail: "What is added holds within minutes. What is taken away ends at once.",
      },
      reset: {
        name: "Reset password",
        detail: "Makes a new password, removes the second factor, and signs the person out everywhere.",
      },
      "sign-out": { name: "Sign out everywhere", detail: "Ends all sessions. The person may sign in again." },
      disable: { name: "Lock", detail: "Ends all sessions. The person cannot sign in until unlocked." },
      enable: { name: "Unlock", detail: "The person may sign in again." },
    } as Steps,
  },
  clients: {
    title: "Clients",
    id: "Client id",
    idHint: "Letters, digits, dots, dashes and underscores.",
    method: "Signs in with",
    secret: "Secret",
    key: "Key",
    scopes: "Scopes",
    none: "No clients",
    noneDetail: "A client is a program that calls the API, for instance the one that sends payments.",
    add: "Add a client",
    addDetail: "A program that calls the API. A secret is made and shown to you once.",
    added: "The client may call now",
    steps: {
      "rotate-secret": {
        name: "Make a new secret",
        detail: "The secret of before and the tokens that were got with it end at once.",
      },
      disable: { name: "Lock", detail: "Its tokens end at once, and it gets no new ones until unlocked." },
      enable: { name: "Unlock", detail: "The client may get tokens again." },
    } as Steps,
  },
  tenant: {
    title: "Tenant",
    yours: "You manage",
    others:
      "Administrators see their own tenant alone. An operator makes another one with npx tripline auth bootstrap.",
  },
  first: {
    title: "First steps",
    hide: "Hide",
    done: "Done",
    open: "Open",
    setUp: "Set it up",
    steps: {
      factor: {
        name: "Protect your sign-in with a second factor",
        detail: "With an authenticator app, a password alone lets nobody in.",
      },
      colleague: {
        name: "Let a colleague in",
        detail: "Below, under People. Large verdicts and policies may need a second person.",
      },
      client: {
        name: "Add a client that sends payments",
        detail: "Below, under Clients, with the scope transactions:write.",
      },
      payment: {
        name: "See the first payment decided",
        detail: "Send one with the client. This step is done as soon as it is decided.",
      },
    },
  },
} as const;
