{{/* Argo Rollouts: the services that use it, and how a new version replaces the old one. */}}

{{/* root, name: "yes" if the service is a Rollout. */}}
{{- define "tripline.isRollout" -}}
{{- if and .root.Values.rollouts.enabled (has .name .root.Values.rollouts.services) }}yes{{ end }}
{{- end }}

{{/* root, name: the object that an autoscaler scales. */}}
{{- define "tripline.scaleTarget" -}}
{{- $isRollout := eq (include "tripline.isRollout" .) "yes" -}}
apiVersion: {{ ternary "argoproj.io/v1alpha1" "apps/v1" $isRollout }}
kind: {{ ternary "Rollout" "Deployment" $isRollout }}
name: {{ include "tripline.fullname" .root }}-{{ .name }}
{{- end }}

{{/* root, name: the steps of a rollout. New pods are evaluated after each weight. Finally, all pods are replaced. */}}
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
