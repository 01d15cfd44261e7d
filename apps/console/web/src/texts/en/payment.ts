/** The payment page, and links to it. */
export const text = {
  title: (id: string) => `Payment ${id}`,
  open: "Open the payment",
  openCase: "Open the case",
  noCase: "No case",
  print: "Print",
  timeline: "Label, updates and fraud reports",
  record: "Recorded data",
  recordDetail: "The feature vector and the decision as Tripline recorded them, without sealed personal data.",
  recordShow: "Show JSON",
} as const;
