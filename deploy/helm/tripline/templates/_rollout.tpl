{{/* Argo Rollouts: which services, and how a new version of one takes over. */}}

{{/* root, name: "yes" if the service is a Rollout. */}}
{{- define "tripline.isRollout" -}}
{{- if and .root.Values.rollouts.enabled (has .name .root.Values.rollouts.services) }}yes{{ end }}
{{- end }}

{{/* root, name: what an autoscaler scales. */}}
{{- define "tripline.scaleTarget" -}}
{{- $isRollout := eq (include "tripline.isRollout" .) "yes" -}}
apiVersion: {{ ternary "argoproj.io/v1alpha1" "apps/v1" $isRollout }}
kind: {{ ternary "Rollout" "Deployment" $isRollout }}
name: {{ include "tripline.fullname" .root }}-{{ .name }}
{{- end }}

{{/* root, name: after each weight the new pods are judged; after the last step all pods are new. */}}
{{- define "tripline.canarySteps" -}}
{{- $rollouts := .root.Values.rollouts }}
{{- range $index, $weight := $rollouts.weights }}
- setWeight: {{ $weight }}
- analysis:
    templates:
      - templateName: {{ include "tripline.fullname" $.root }}-{{ $.name }}
    args:
      - { name: hash, valueFrom: { podTemplateHashValue: Latest } }
{{- if and (eq $index 0) $rollouts.pauseAfterFirst }}
- pause: {}
{{- end }}
{{- end }}
{{- end }}
