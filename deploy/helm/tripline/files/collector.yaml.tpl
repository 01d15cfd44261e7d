receivers:
  otlp:
    protocols:
      http:
        endpoint: 0.0.0.0:4318
  # The alerts expect these job names.
  prometheus:
    config:
      scrape_configs:
        {{- range .programs }}
        - job_name: tripline-{{ . }}
          scrape_interval: 15s
          dns_sd_configs:
            - { names: [{{ $.prefix }}-{{ . }}-pods], type: A, port: 9464 }
          relabel_configs:
            - { target_label: service, replacement: {{ . }} }
        {{- end }}
  {{- with .Values.telemetry.collector.receivers }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
extensions:
  health_check:
    endpoint: 0.0.0.0:13133
processors:
  memory_limiter:
    check_interval: 1s
    limit_percentage: 75
    spike_limit_percentage: 20
  tail_sampling:
    decision_wait: 10s
    num_traces: 50000
    expected_new_traces_per_sec: 1000
    policies:
      - name: declined
        type: string_attribute
        string_attribute: { key: tripline.decision.outcome, values: [decline] }
      - name: without-the-model
        type: string_attribute
        string_attribute: { key: tripline.decision.fallback_level, values: [scorecard, rules, default_decision] }
      - name: slow
        type: latency
        latency: { threshold_ms: {{ .Values.telemetry.collector.slowMs }} }
      - name: failed
        type: status_code
        status_code: { status_codes: [ERROR] }
      - name: rest
        type: probabilistic
        probabilistic: { sampling_percentage: {{ .Values.telemetry.collector.restPercent }} }
  batch: {}
service:
  extensions: [health_check]
  pipelines:
    traces:
      receivers: [otlp]
      processors: [memory_limiter, tail_sampling, batch]
      exporters: [{{ ternary "otlphttp/traces" "debug" (ne .Values.telemetry.collector.traces "") }}]
    metrics:
      receivers: [otlp, prometheus{{ range keys .Values.telemetry.collector.receivers | sortAlpha }}, {{ . }}{{ end }}]
      processors: [memory_limiter, batch]
      exporters: [{{ ternary "otlphttp/metrics" "debug" (ne .Values.telemetry.collector.metrics "") }}]
    logs:
      receivers: [otlp]
      processors: [memory_limiter, batch]
      exporters: [{{ ternary "otlphttp/logs" "debug" (ne .Values.telemetry.collector.logs "") }}]
  telemetry:
    metrics:
      level: none
